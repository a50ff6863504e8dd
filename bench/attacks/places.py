"""Everybody's place in the line: one client as many, tabs that are made up, storms of cancels."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable

import httpx
from strangers import API, SAMPLE, Fell, Stranger, another_is_served, attack, picture


@attack("3")  # for the tests in tests/server/test_crowding.py
def made_up_tabs_end_no_painting(me: Stranger) -> str:
    """220 `start` calls with made-up names of tabs, most of them nonsense, while another visitor paints: the painting
    comes to its end."""
    victim = Stranger(me.studio, 9, cookie=True)
    event = victim.event("start")
    data = victim.filled(event, victim.upload(picture()), **{"Size (px)": 128, "Steps": 200})
    tab = f"victim-{os.urandom(4).hex()}"
    if (joined := victim.join(event, data, tab)).status_code != 200:
        raise Fell(f"the other visitor is not let in: {joined.text[:100]}")
    told, ends = Counter(), []
    watching = threading.Thread(target=lambda: ends.extend(victim.news(tab, 120)), daemon=True)
    watching.start()

    def start(number: int) -> int:
        for _ in range(4):
            status = me.join(event, me.filled(event, None), f"{me.tab}-{number}").status_code
            if status == 200:
                break
            time.sleep(0.3)  # the queue is full for the moment
        return status

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        told.update(pool.map(start, range(220)))
    watching.join(120)
    if not ends or not ends[-1].get("success") or "painting.png" not in json.dumps(ends):
        raise Fell(f"the painting ended without a result: {json.dumps(ends[-1:])[:150]}; answers {dict(told)}")
    return f"the painting was finished; answers {dict(told)}"


def _crowd(me: Stranger, calls: int, headers: Callable[[int], dict[str, str]]) -> Counter:
    """Many paintings of some seconds at once from one address, each as if by another visitor."""
    photo = None
    with contextlib.suppress(Fell):
        photo = me.upload(picture())
    data = me.filled(me.event("paint"), photo, **{"Size (px)": 128, "Steps": 30})
    told = Counter()
    for number in range(calls):
        told[me.http.post(f"{API}/call/paint", json={"data": data}, headers=headers(number)).status_code] += 1
    return told


@attack("4")  # likewise
def one_client_does_not_lock_out_all(me: Stranger) -> str:
    """104 paintings from one address without a cookie, each as a new visitor: another address is served."""
    told = _crowd(me, 104, lambda _: {})
    return f"{another_is_served(me.studio, 8)}; answers {dict(told)}"


@attack("4")
def made_up_cookies_and_addresses(me: Stranger) -> str:
    """The same with cookies we did not give, and with addresses that no proxy told: still one client."""

    def headers(number: int) -> dict[str, str]:
        made_up = f"{number:043d}"
        return {
            "Cookie": f"ganvas={made_up}", "X-Forwarded-For": f"10.1.2.{number}", "Forwarded": f"for=10.1.3.{number}",
            "X-Real-IP": f"10.2.2.{number}", "True-Client-IP": f"10.2.3.{number}",
            "CF-Connecting-IP": f"10.2.4.{number}",
        }  # fmt: skip

    told = _crowd(me, 104, headers)
    return f"{another_is_served(me.studio, 7)}; answers {dict(told)}"


@attack("4")
def one_client_with_given_cookies(me: Stranger) -> str:
    """The same with thirty cookies that we gave, as whoever opens the page thirty times has."""
    cookies = []
    for _ in range(30):
        answer = httpx.get(f"{me.studio.address}/", headers={"Accept": "text/html"}, timeout=20)
        cookies.append(answer.headers.get("set-cookie", "").partition(";")[0])
    told = _crowd(me, 104, lambda number: {"Cookie": cookies[number % 30]})
    return f"{another_is_served(me.studio, 6)}; answers {dict(told)}"


@attack("4")
def samples_by_the_hundred(me: Stranger) -> str:
    """200 requests for 100 pictures each, without a cookie: another address gets its sample."""
    told = Counter()
    for _ in range(200):
        answer = me.http.post(f"{API}/call/sample", json={"data": ["portraits", 0, 100, 1.0, True, False, None]})
        told[answer.status_code] += 1
    return f"{another_is_served(me.studio, 5)}; answers {dict(told)}"


@attack("17")
def a_storm_of_cancels(me: Stranger) -> str:
    """300 times join and cancel at once, and cancels of events of others: a painting of another goes on."""
    victim = Stranger(me.studio, 9, cookie=True)
    event = victim.event("start")
    data = victim.filled(event, victim.upload(picture()), **{"Size (px)": 128, "Steps": 40})
    tab = f"victim-{os.urandom(4).hex()}"
    joined = victim.join(event, data, tab)
    if joined.status_code != 200:
        raise Fell(f"the other visitor is not let in: {joined.text[:100]}")
    ends: list[dict] = []
    watching = threading.Thread(target=lambda: ends.extend(victim.news(tab, 120)), daemon=True)
    watching.start()
    told = Counter()
    theirs = {"session_hash": tab, "fn_index": event["id"], "event_id": joined.json()["event_id"]}
    with contextlib.suppress(Fell, httpx.TransportError):  # turned away, or cut off
        mine = me.filled(event, me.upload(picture()), **{"Size (px)": 64, "Steps": 2})
        for number in range(300):
            own = me.join(event, mine, f"{me.tab}-{number}")
            made = own.json().get("event_id", "x") if own.status_code == 200 else "x"
            asked = {"session_hash": f"{me.tab}-{number}", "fn_index": event["id"], "event_id": made}
            told[me.http.post(f"{API}/cancel", json=asked).status_code] += 1
    # The others' names are secret; who has seen them all the same (a log, a shoulder) must not be able to use them.
    for asked in (theirs, {**theirs, "session_hash": "mine"}, {**theirs, "event_id": "x"}):
        told[f"another's: {me.http.post(f'{API}/cancel', json=asked).status_code}"] += 1
    me.http.post(f"{API}/reset", json={"event_id": theirs["event_id"]})
    me.press(me.event("stop"), [], tab)
    watching.join(120)
    if not ends or not ends[-1].get("success") or "painting.png" not in json.dumps(ends):
        raise Fell(f"the painting of another was ended: {json.dumps(ends[-1:])[:120]}; answers {dict(told)}")
    return f"{another_is_served(me.studio, 4)}; answers {dict(told)}"


@attack("+")
def answers_that_nobody_fetches(me: Stranger) -> str:
    """40 samples of a hundred pictures, of which none is fetched: most are not kept, others get theirs."""
    begun, kept = [], 0
    with me.studio.answering(10):
        for number in range(400):
            hundred = [SAMPLE[0], number, 100, *SAMPLE[3:]]
            asked = me.http.post(f"{API}/call/sample", json={"data": hundred})
            begun += [asked.json()["event_id"]] if asked.status_code == 200 else []
            if len(begun) == 40:
                break
            time.sleep(0.1)
    served = another_is_served(me.studio, 205)
    for name in begun:
        with contextlib.suppress(httpx.TransportError):  # of what is gone the news break off
            kept += '"pictures"' in me.http.get(f"{API}/call/sample/{name}").text
    if len(begun) == 40 and kept > 30:
        raise Fell(f"{kept} of {len(begun)} answers were kept for whoever might come")
    return f"{kept} of {len(begun)} answers were still there; {served}"
