"""The simulation: a program, the venue and everything between, in one thread and virtual time.

A seed decides everything: prices, delays, the order in which tasks run, and what goes wrong.  The
same seed gives the same run, to the last bit, so a seed and a schedule are a bug report.

    loop           event loop without a selector; incarnations that can be killed at any await
    ports          what a simulated program has instead of the operating system
    net            requests and streams to the emulator's gateway: loss, delay, half-open, clog
    local          sockets between processes of one machine
    disk           an SQLite VFS in memory: power loss takes what was not synced; calls that fail
    schedule       what goes wrong and when: drawn from a seed, shrunk, kept as JSON
    guard          real clocks and real chance raise inside a simulation
    world          venue, processes, phases, coverage
    model          the venue's money, computed by another road
    market_scene   the market-data sidecar in a world, and what its stores must hold
    small_client   a little trader with an outbox, on which all this is proven
    invariants     what must hold of it
    scenario       the small client in a world, from a plan

The market-data sidecar's days:

    sidecar_sockets    its socket and clients over the local sockets
    sidecar_programs   the daemon, its clients, and a trader
    sidecar_schedule   what goes wrong in a day
    sidecar_examined   what must hold afterwards
    sidecar_scenario   a day from a plan, also with faults planted in the daemon

How to simulate another program:

1. Write it against `Ports`: `async def main(ports)`, with every task through `ports.spawn`.
2. `world = World(Plan(seed, schedule=draw(...)))`, `world.fund(user, usd)`,
   `process = world.add("name", main)`; several programs are several processes.
3. `world.watch(check)` for what must hold all the time; `world.reached("words")` from the program
   for what must happen now and then over many seeds.
4. `outcome = world.run(examine)`: safety with faults up to `horizon_ms`, heal, `heal_ms` to become
   well, then `examine(world)` lists what does not hold.  `outcome.digest` names the run.
5. Crash anywhere: `Plan(kill_step=n)` kills instead of the n-th step of any process, `kill_call=n`
   at the n-th call of its disk; `outcome.steps` and `outcome.disk_calls` say how many there are.
6. A failing plan: `shrunk(schedule, fails)`, then `save` it into `tests/regressions/`; every file
   there is run again.  `python -m tests.simulation --seeds 100 --hours 2` does so for the small
   client and says how many simulated hours a minute of CPU holds.
7. Plant a fault in the program and see that it is found: a harness that finds nothing proves
   nothing.

A kill is a SIGKILL: no `except` and no `finally` of the dead runs while the simulation does, and
what it had sent still arrives.  The world does not cover bytes on a wire (the second rig does), and
not what lies inside C extensions.  A violation is found at the end or by a watch, not at the step.
"""
