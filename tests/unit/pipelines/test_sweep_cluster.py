"""A sweep on a cluster gives what it gives here, whoever of the cluster is lost."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection, create_server
from threading import Thread
from typing import Any

import apsw
import pytest

from cli import main
from core.clock import sleep_s
from core.cluster import CONNECT_S
from core.cluster_shards import differences, grounds_made, identity_here
from core.market.synthetic import MarketSpec
from core.store.shards import opened
from pipelines.sweep_search import rows_per_pass
from tests.cluster_here import HOST, Cluster, free_port
from tests.commands import EASY, Shell, body, make_store

REPOSITORY = Path(__file__).resolve().parents[3]
SPEC = """kind: sweep-spec
version: 1
base: easy.yaml
min_positions: 1
top: 2
method: grid
axes:
  - {path: trade.stop_loss_atr, range: [1.0, 4.0, 0.1]}
  - {path: indicators.adx_window_bars, values: [10, 14]}
  - {path: trade.take_profit_atr, range: [4.1, 8.0, 0.1]}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market on which this sweep takes a second or two."""
    spec = MarketSpec(seed=5, symbol_count=12, bar_count=2_000, edge=1.0)
    return make_store(tmp_path_factory.mktemp("clustered") / "stores", spec)


@contextmanager
def clustered(folder: Path, worker_count: int) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    try:
        cluster.start(worker_count)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers that no test harms."""
    with clustered(tmp_path_factory.mktemp("cluster"), 2) as made:
        made.wait_for_workers()
        yield made


@pytest.fixture(autouse=True)
def spec(shell: Shell) -> None:
    (shell.folder / "spec.yaml").write_text(SPEC)


def started(folder: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    """A sweep in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "sweep", *map(str, arguments), "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it printed; it must have succeeded."""
    out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return dict(json.loads(out)["data"])


@pytest.fixture(scope="module")
def local(store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the same sweep says that ran on this machine alone."""
    folder = tmp_path_factory.mktemp("local")
    (folder / "easy.yaml").write_text(EASY)
    (folder / "spec.yaml").write_text(SPEC)
    asked = ("sweep", folder / "spec.yaml", "--store", store, "--root", folder)
    assert main.run([str(each) for each in asked]) == 0
    (path,) = folder.glob("artifacts/*/*/sweeps/*.top.json")
    report = body(path.with_name(path.name.replace(".top.json", ".json")))
    evaluated = report["combinations"]["evaluated_count"]
    return {"result_hash": report["result_hash"], "evaluated": evaluated, "best": body(path)}


def shard_count(folder: Path) -> int:
    """Shards that the journal of the only sweep has."""
    return journalled(folder)[0]


def journalled(folder: Path) -> tuple[int, int]:
    """Shards and rows that the journal of the only sweep has."""
    found = list(folder.glob("artifacts/*/*/sweeps/*.journal.sqlite"))
    if not found:
        return 0, 0
    connection = apsw.Connection(str(found[0]))
    connection.set_busy_timeout(10_000)
    try:
        query = "SELECT count(*), total(row_count) FROM shards"
        shards, rows = connection.execute(query).get
    except apsw.SQLError:  # its tables are not made yet
        return 0, 0
    else:
        return int(shards), int(rows)
    finally:
        connection.close()


def wait_for_shards(folder: Path, least: int, process: subprocess.Popen[str]) -> None:
    while shard_count(folder) < least:
        assert process.poll() is None, process.communicate()
        sleep_s(0.02)


def sent(cluster: Cluster) -> list[tuple[int, int]]:
    """Of each worker: grounds that it made, transfers of a ground that came to it."""
    from distributed import Client
    from distributed.worker import Worker

    def received(dask_worker: Worker) -> int:
        keys = [set(each["keys"]) for each in dask_worker.transfer_incoming_log]
        return sum(any(key.startswith("perpkit-ground-") for key in each) for each in keys)

    with Client(cluster.address, set_as_default=False) as client:
        made, came = client.run(grounds_made), client.run(received)
        return [(made[place], came[place]) for place in made]


def test_a_cluster_gives_what_this_machine_gives_and_is_sent_the_bars_once(
    shell: Shell, store: Path, cluster: Cluster, local: dict[str, Any]
) -> None:
    arguments = ("spec.yaml", "--store", store, "--cluster", cluster.address)

    assert shell("sweep", *arguments, "--json") == 0, shell.err
    far = json.loads(shell.out)["data"]
    first = sent(cluster)
    again = ended(started(shell.folder, *arguments))
    second = sent(cluster)

    assert far["result_hash"] == again["result_hash"]
    assert far["result_hash"] == local["result_hash"]
    assert body(shell.folder / far["top"]) == local["best"]
    assert [made for made, _ in first] == [1, 1]
    assert sum(came for _, came in first) == 1  # one was told by the scheduler, one by the other
    assert [made for made, _ in second] == [1, 1]  # by its hash the engine was at hand


@pytest.mark.proof
def test_the_shards_of_a_killed_worker_are_done_by_another(
    shell: Shell, store: Path, tmp_path: Path, local: dict[str, Any]
) -> None:
    with clustered(tmp_path / "cluster", 2) as made:
        process = started(shell.folder, "spec.yaml", "--store", store, "--cluster", made.address)
        wait_for_shards(shell.folder, 2, process)
        made.workers[0].send_signal(signal.SIGKILL)
        out, said = process.communicate(timeout=120)

    assert process.returncode == 0, said
    assert "is gone; its shards go to others" in said
    assert json.loads(out)["data"]["result_hash"] == local["result_hash"]
    assert json.loads(out)["data"]["evaluated_now"] == local["evaluated"]


@pytest.mark.parametrize("where", ["here", pytest.param("cluster", marks=pytest.mark.proof)])
def test_a_search_whose_scheduler_is_lost_is_gone_on_with(
    shell: Shell, store: Path, tmp_path: Path, where: str, local: dict[str, Any]
) -> None:
    with clustered(tmp_path / "cluster", 1) as made:
        process = started(shell.folder, "spec.yaml", "--store", store, "--cluster", made.address)
        wait_for_shards(shell.folder, 2, process)
        assert made.scheduler is not None
        made.scheduler.kill()
        _, said = process.communicate(timeout=20)

    assert process.returncode == 4, said
    assert said.splitlines()[-3:] == [
        "error: the scheduler of the cluster is lost; the shards done so far are kept",
        f"  at:   {made.address}",
        f"  next: go on with `perpkit sweep --resume RUN --cluster {made.address}`,"
        " or on this machine without --cluster",
    ]
    kept = shard_count(shell.folder)
    resumed = ["--resume", "latest"]
    if where == "here":
        data = ended(started(shell.folder, *resumed))
    else:
        with clustered(tmp_path / "another", 1) as other:
            data = ended(started(shell.folder, *resumed, "--cluster", other.address))
    assert data["result_hash"] == local["result_hash"]
    assert kept >= 2
    assert 0 < data["evaluated_now"] < local["evaluated"]


@pytest.mark.proof
def test_a_search_on_a_cluster_stops_at_ctrl_c_and_is_gone_on_with(
    shell: Shell, store: Path, cluster: Cluster
) -> None:
    process = started(shell.folder, "spec.yaml", "--store", store, "--cluster", cluster.address)
    wait_for_shards(shell.folder, 1, process)

    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)

    assert process.returncode == 130, said
    assert json.loads(out)["data"]["interrupted"]
    done = journalled(shell.folder)[1]
    data = ended(started(shell.folder, "--resume", "latest", "--cluster", cluster.address))
    assert data["evaluated_now"] == data["evaluated"] - done > 0


@pytest.mark.proof
def test_a_search_that_no_worker_is_left_for_stops_at_ctrl_c(
    shell: Shell, store: Path, tmp_path: Path
) -> None:
    with clustered(tmp_path / "cluster", 1) as made:
        process = started(shell.folder, "spec.yaml", "--store", store, "--cluster", made.address)
        wait_for_shards(shell.folder, 1, process)
        made.workers[0].kill()
        sleep_s(2.0)
        assert process.poll() is None  # it waits for one that comes
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)

    assert process.returncode == 130, said


@pytest.mark.proof
def test_a_worker_that_comes_after_all_were_lost_goes_on(
    shell: Shell, store: Path, tmp_path: Path, local: dict[str, Any]
) -> None:
    with clustered(tmp_path / "cluster", 1) as made:
        process = started(shell.folder, "spec.yaml", "--store", store, "--cluster", made.address)
        wait_for_shards(shell.folder, 1, process)
        made.workers[0].kill()
        sleep_s(1.0)
        made.add_worker()
        data = ended(process)

    assert data["result_hash"] == local["result_hash"]


@pytest.mark.proof
@pytest.mark.parametrize(
    "method",
    [
        "tpe\nseed: 4\nbudget: {trials: 600}",
        "successive_halving\nseed: 4\nbudget: {trials: 600}",
    ],
)
def test_a_search_that_draws_its_rows_gives_the_same_too(
    shell: Shell, store: Path, cluster: Cluster, method: str
) -> None:
    (shell.folder / "spec.yaml").write_text(SPEC.replace("method: grid", f"method: {method}"))
    at = ("spec.yaml", "--store", store)

    here = ended(started(shell.folder, *at, "--root", "here"))
    far = ended(started(shell.folder, *at, "--cluster", cluster.address))

    assert far["result_hash"] == here["result_hash"]
    assert far["evaluated_now"] == here["evaluated_now"] > 0


@pytest.mark.proof
def test_the_demonstration_ends_equal_and_leaves_no_process(tmp_path: Path) -> None:
    script = REPOSITORY / "pipelines" / "cluster_demo.sh"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    root = tmp_path / "my demo"

    done = subprocess.run(
        ["bash", str(script)],
        env={**os.environ, "PATH": path, "DEMO_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "equal"
    assert "was killed" in done.stdout
    place = json.loads((root / "scheduler.json").read_text())["address"]
    with pytest.raises(ConnectionRefusedError):
        create_connection((HOST, int(place.rsplit(":", 1)[1])), timeout=2.0)


@pytest.mark.proof
def test_a_cluster_without_workers_is_said(shell: Shell, store: Path, tmp_path: Path) -> None:
    with clustered(tmp_path / "cluster", 0) as made:
        code = shell("sweep", "spec.yaml", "--store", store, "--cluster", made.address)

    assert code == 4
    assert shell.error()[0] == "error: no worker came within 20 s"


def test_a_worker_with_other_decision_rules_is_refused(
    shell: Shell, store: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    for room in ("cli", "core", "kernel", "pipelines", "schemas", "sidecar"):
        shutil.copytree(REPOSITORY / room, other / room)
    with (other / "kernel" / "codes.py").open("a") as codes:
        codes.write("# another rule\n")

    with clustered(tmp_path / "cluster", 0) as made:
        made.add_worker(PYTHONPATH=str(other))
        code = shell("sweep", "spec.yaml", "--store", store, "--cluster", made.address)

    what, at, _ = shell.error()
    assert code == 1
    rules = identity_here()["decision rules"][:12]
    assert what.startswith(
        f"error: a worker is not like this machine: decision rules is {rules} here, "
    )
    assert at.startswith("  at:   worker tcp://127.0.0.1:")
    assert shard_count(shell.folder) == 0


def test_a_worker_that_comes_later_is_looked_at_with_every_shard(cluster: Cluster) -> None:
    import numpy as np
    from distributed import Client

    from core.cluster_shards import Ticket, run_shard
    from core.errors import RefusedError
    from core.simulate import Window

    wanted = tuple({**identity_here(), "perpkit": "0.0.9"}.items())
    ticket = Ticket("run", "0" * 64, Window(), "cpu", 1 << 20, wanted)
    with Client(cluster.address, set_as_default=False) as client:
        job = client.submit(run_shard, ticket, np.zeros((1, 1), np.uint16), b"")

        with pytest.raises(RefusedError, match=r"perpkit is 0\.0\.9 here, 0\.1\.0 there"):
            job.result()


def test_a_pass_over_a_grid_grows_with_the_workers_that_began_it(tmp_path: Path) -> None:
    with opened(tmp_path / "few.sqlite", {}) as journal:
        assert rows_per_pass(journal, 4) == 20_000
    with opened(tmp_path / "many.sqlite", {}) as journal:
        assert rows_per_pass(journal, 100) == 500_000
    with opened(tmp_path / "many.sqlite", {}) as journal:
        assert rows_per_pass(journal, 2) == 500_000  # its shards must be the same ones


def test_what_differs_is_named() -> None:
    wanted = {"perpkit": "1", "Python": "3.12", "decision rules": "a" * 64}

    assert differences(wanted, wanted) == []
    assert differences(wanted, {"perpkit": "2", "decision rules": "b" * 64}) == [
        "perpkit is 1 here, 2 there",
        "Python is 3.12 here, not known there",
        f"decision rules is {'a' * 12} here, {'b' * 12} there",
    ]


def test_gpus_that_no_worker_offers_are_refused(
    shell: Shell, store: Path, cluster: Cluster
) -> None:
    at = ("sweep", "spec.yaml", "--store", store, "--cluster")

    assert shell(*at, cluster.address, "--engine", "cuda") == 3
    assert shell.error()[0] == "error: no worker of the cluster offers a GPU"


@pytest.mark.proof
def test_shards_for_gpus_go_to_the_workers_that_offer_one(
    shell: Shell, store: Path, tmp_path: Path
) -> None:
    at = ("sweep", "spec.yaml", "--store", store, "--cluster")

    # One of two offers what it has not: its own error says that the shard came to it.
    with clustered(tmp_path / "cluster", 1) as made:
        made.add_worker("--resources", "GPU=1", CUDA_VISIBLE_DEVICES="")
        made.wait_for_workers()
        assert shell(*at, made.address) == 3
        assert "GPUs 1;" in shell.err
        assert shell.error()[0].startswith("error: no CUDA device can be used")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:8786", "tcp://127.0.0.1", "http://127.0.0.1:1", "tcp://a:99999", "tcp://a:1/b", ""],
)
def test_an_address_that_is_none_is_a_wrong_command_line(shell: Shell, address: str) -> None:
    assert shell("sweep", "spec.yaml", "--cluster", address) == 2
    assert shell.error()[0] == f"error: {address!r} is not the address of a scheduler"


def test_threads_beside_a_cluster_are_refused(shell: Shell) -> None:
    assert shell("sweep", "spec.yaml", "--cluster", "tcp://127.0.0.1:1", "--threads", "2") == 2
    assert "--threads is about this machine" in shell.error()[0]


def test_nobody_at_the_address_is_said_at_once(shell: Shell, store: Path) -> None:
    address = f"tcp://{HOST}:{free_port()}"

    assert shell("sweep", "spec.yaml", "--store", store, "--cluster", address) == 4
    assert shell.error()[:2] == [
        "error: no scheduler answers: Connection refused",
        f"  at:   --cluster {address}",
    ]


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        pytest.param(b"", f"nothing was said within {CONNECT_S // 2} s", marks=pytest.mark.proof),
        (b"SSH-2.0-", "what listens there is something else"),
    ],
)
def test_something_else_at_the_address_is_said(
    shell: Shell, store: Path, greeting: bytes, words: str
) -> None:
    def greet() -> None:
        with server.accept()[0] as caller:
            caller.sendall(greeting)
            caller.recv(1)  # until the caller leaves

    with create_server((HOST, 0)) as server:
        greeter = Thread(target=greet)
        greeter.start()
        address = f"tcp://{HOST}:{server.getsockname()[1]}"
        code = shell("sweep", "spec.yaml", "--store", store, "--cluster", address)
        greeter.join()

    assert code == 4
    assert shell.error()[0] == f"error: no scheduler answers: {words}"


def test_a_missing_extra_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "distributed" else found(name)
    )

    assert shell("sweep", "spec.yaml", "--cluster", "tcp://127.0.0.1:1") == 3
    assert "pip install 'perpkit[cluster]'" in shell.error()[2]
