"""A whole site, as `carrel up` starts it: its idle worker is well, and its streams end with it."""

import json
import signal
import threading
from pathlib import Path

import httpx

from tests.embedded.procs import eventually
from tests.embedded.running import running_up


def test_an_idle_worker_is_well_and_an_open_stream_keeps_nobody_up(tmp_path: Path) -> None:
    with running_up(tmp_path / "data") as site:
        token = (site.data / "secrets" / "setup_token").read_text().strip()
        body = {
            "token": token,
            "name": "Ann",
            "email": "ann@example.org",
            "password": "correct horse battery",
        }
        made = httpx.post(f"{site.url}/api/v1/setup", json=body, timeout=30).raise_for_status()
        headers = {"Authorization": f"Bearer {made.json()['key']['secret']}"}

        def well() -> bool:
            home = httpx.get(f"{site.url}/api/v1/home", headers=headers, timeout=30).json()
            return [worker["healthy"] for worker in home["workers"]] == [True] * 3

        assert eventually(well)
        heard: list[str] = []
        opened = threading.Event()

        def listen() -> None:
            url = f"{site.url}/api/v1/events/stream"
            try:
                with httpx.stream("GET", url, headers=headers, timeout=60) as reply:
                    for line in reply.iter_lines():
                        heard.append(line)
                        opened.set()
            except httpx.HTTPError:
                pass  # cut off as the site stops

        thread = threading.Thread(target=listen)
        thread.start()
        assert opened.wait(30)
        site.popen.send_signal(signal.SIGTERM)
        assert site.popen.wait(timeout=60) == 0
        thread.join(30)
        assert not thread.is_alive()
        assert heard[0] == "event: sync"
        assert json.loads(heard[1].removeprefix("data: ")) == {}
