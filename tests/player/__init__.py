"""The player in a real browser, in a host page that speaks the bridge, before the real server and the simulator."""
