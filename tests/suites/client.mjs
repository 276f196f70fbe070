// The official TypeScript clients against the server: node client.mjs SDK ERA TARGET, in the folder of the packages
//
// SDK is 1 or 2; ERA is legacy or modern (2 alone can be modern); TARGET is JSON: {"url"} or {"command", "args", "env"},
// and {"timeout"} in milliseconds. Prints one JSON object with what was seen of each step.

const [sdk, era, target] = process.argv.slice(2)

const { Client, http, stdio } =
  sdk === '1'
    ? {
        Client: (await import('@modelcontextprotocol/sdk/client/index.js')).Client,
        http: (await import('@modelcontextprotocol/sdk/client/streamableHttp.js')).StreamableHTTPClientTransport,
        stdio: (await import('@modelcontextprotocol/sdk/client/stdio.js')).StdioClientTransport,
      }
    : {
        Client: (await import('@modelcontextprotocol/client')).Client,
        http: (await import('@modelcontextprotocol/client')).StreamableHTTPClientTransport,
        stdio: (await import('@modelcontextprotocol/client/stdio')).StdioClientTransport,
      }

const options = sdk === '1' ? {} : { versionNegotiation: { mode: era === 'modern' ? 'auto' : 'legacy' } }
const client = new Client({ name: 'typescript', version: '1' }, { capabilities: {}, ...options })
const at = JSON.parse(target)
await client.connect(at.url ? new http(new URL(at.url)) : new stdio({ ...at, stderr: 'ignore' }))

// Version 1 takes the schema of the result as the second argument; undefined is its default.
const call = (name, args, options) =>
  sdk === '1'
    ? client.callTool({ name, arguments: args }, undefined, options)
    : client.callTool({ name, arguments: args }, options)
const answer = (result) => ({ id: result.structuredContent.request_id, final: result.structuredContent.is_final })
// Each run asks for videos of its own.
const video = (step) => ({ prompt: `${step}, by version ${sdk}, ${era}` })
const named = (message) => /^request ([\w-]+): /.exec(message)?.[1]

const seen = {}
seen.tools = (await client.listTools()).tools.map((tool) => tool.name)

const progress = []
const onprogress = (one) => progress.push(one)
seen.result = answer(await call('generate_video', video('progress'), { onprogress }))
seen.progress = progress.map((one) => one.progress)
seen.first = named(progress[0].message)

// The job takes longer than this time-out, but no pause between two messages does.
const reset = { timeout: at.timeout, resetTimeoutOnProgress: true, onprogress: () => {} }
seen.reset = answer(await call('generate_video', video('reset'), reset))

const stop = new AbortController()
seen.aborted = await new Promise((resolve) => {
  let id
  const onprogress = (one) => {
    id = named(one.message)
    stop.abort()
  }
  call('generate_video', video('abort'), { signal: stop.signal, onprogress }).then(
    () => resolve({ id, error: null }),
    (error) => resolve({ id, error: error.message }),
  )
})
seen.after_abort = answer(await call('get_status', { request_id: seen.aborted.id }))

seen.timed_out = await call('generate_video', video('time-out'), { timeout: 1000 }).then(
  () => null,
  (error) => error.message,
)
seen.repeated = answer(await call('generate_video', video('time-out')))

await client.close()
console.log(JSON.stringify(seen))
