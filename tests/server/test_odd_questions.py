"""Questions that make no sense, to Gradio's routes at a real server: answered, and told in the log in one line each."""

import httpx
import pytest

from support.studio import serving
from support.waiting import PATIENCE

pytestmark = pytest.mark.server

API = "/style/gradio_api"
ODD = [b'{"data":[],"fn_index":99999,"session_hash":"a"}', b'{"data":[],"fn_index":-1,"session_hash":"a"}',
       b'{"data":{},"fn_index":0,"trigger_id":1e999,"event_data":[1],"session_hash":"a"}', b"[" * 100_000,
       b'{"data":[' + b"9" * 100_000 + b'],"fn_index":1,"session_hash":"a"}', b"{}", b'{"data":"x"}']  # fmt: skip


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    home = tmp_path_factory.mktemp("odd")
    with serving(home, env={"GANVAS_PUBLIC": "1"}) as address:
        for body in ODD:
            for route in (
                "run/predict",
                "queue/join",
                "call/paint",
                "call/sample",
                "call/v2/sample",
                "cancel",
                "reset",
            ):
                answer = httpx.post(f"{address}{API}/{route}", content=body, timeout=PATIENCE,
                                    headers={"Content-Type": "application/json"})  # fmt: skip
                assert answer.status_code < 600
                if answer.status_code == 200 and "event_id" in answer.text:
                    httpx.get(f"{address}{API}/{route}/{answer.json()['event_id']}", timeout=PATIENCE)
        assert httpx.get(f"{address}/_stcore/health").status_code == 200
        yield (home / "server.log").read_text()


def test_none_leaves_a_stack_trace(log):
    assert "Traceback" not in log


def test_each_is_told(log):
    assert f"'{API}/run/predict': KeyError '99999' (" in log
