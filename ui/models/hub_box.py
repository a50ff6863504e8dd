"""The Hub on a page: any repository by its name, fetching under a progress bar, giving a generator away.

Pieces for the Generate and Models pages. What the Hub says, and in which words, is `core.hub.client`'s business.
"""

from __future__ import annotations

import streamlit as st

from core import amounts
from core.errors import UserError
from core.gan.zoo import catalogue
from core.hub import client, download, publish, registry
from core.runs.run_folder import Run
from core.visitors import policy
from ui.telling import telling

STATE = st.session_state
SHOWN = 200  # files of a repository
ASKING = f"Asking the Hub; it gets {client.SILENCE_SECONDS:.0f} seconds to answer."


def any_repository(key: str) -> str | None:
    """Name a repository, see its files, choose one; returns the reference of what was fetched just now, else None."""
    with st.form(f"ask-{key}", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            typed = st.text_input("Any repository on the Hub", placeholder="owner/name", key=f"repository-{key}")
            asked = st.form_submit_button("Show its files")
    if asked:
        STATE.pop("listed", None)
        where = catalogue.hub_ref(typed)
        with st.spinner(ASKING):
            STATE.listed = where.file, download.listing(where.repo, where.revision)
    if "listed" not in STATE:
        return None
    named, listing = STATE.listed
    try:
        fitting = {file.path: file for file in catalogue.candidates(listing)}
    except UserError:
        _show(listing, {}, "")
        raise
    if named and named not in fitting:
        raise UserError(f"{listing.repo} has no file {named} that Ganvas reads; it reads {', '.join(catalogue.FILES)}.")
    chosen = named or next(iter(fitting))
    if len(fitting) > 1:
        offered = list(dict.fromkeys([chosen, *list(fitting)[:SHOWN]]))
        chosen = st.selectbox("File to read", offered, key=f"file-{key}-{listing.repo}")
    wanted = st.button(f"Fetch {amounts.size(fitting[chosen].size)} and open", type="primary", key=f"fetch-{key}")
    _show(listing, fitting, chosen)
    if not wanted:
        return None
    fetched = fetch(str(catalogue.HubRef(listing.repo, listing.revision, chosen)))
    del STATE.listed
    return fetched


def _show(listing: client.Listing, fitting: dict[str, client.ListedFile], chosen: str) -> None:
    """The files, those first that may hold a generator. Not as markdown: file names are a stranger's text."""
    others = [file for file in listing.files if file.path not in fitting]
    files = [*fitting.values(), *others][:SHOWN]
    used = {chosen: "will be read"} | {path: "may be one" for path in fitting if path != chosen}
    table = {
        "File": [client.shown(file.path) for file in files],
        "Size": [amounts.size(file.size) for file in files],
        "Generator": [used.get(file.path, "") for file in files],
    }
    st.dataframe(table, hide_index=True, height="content" if len(files) < 9 else 320)


def fetch(what: str) -> str:
    """Bring a generator, or a feature network, from the Hub under a progress bar; returns its reference."""
    bar = st.progress(0.0, ASKING)

    def show(done: int, total: int) -> None:
        bar.progress(done / total, f"{amounts.size(done)} of {amounts.size(total)}")

    try:
        if what in registry.entries() and registry.entry(what).kind == "features":
            from core.perceptual import fetch_vgg19

            fetch_vgg19(show)
            return what
        from core.gan.zoo.load import fetch

        return fetch(what, show)
    finally:
        bar.empty()


def offer(ref: str) -> None:
    """A generator of the registry that is not here yet: what is known of it, and the button that brings it."""
    entry = registry.entry(ref)
    st.caption(f"{entry.repo}: {entry.size}, licence: {entry.licence}.")
    if st.button("Fetch it", type="primary", width="stretch"):
        fetch(ref)
        st.rerun()


def give(run: Run) -> None:
    """To the Hub. The token is a widget's value for as long as it takes, and nowhere else."""
    repo = st.text_input("Repository", placeholder=f"your-name/{run.id}", key=f"repo-{run.id}")
    licence = st.selectbox("Licence of the training images", publish.LICENCES, format_func=publish.LICENCES.get,
                           key=f"licence-{run.id}")  # fmt: skip
    with_discriminator = (run.result / catalogue.DISCRIMINATOR).is_file() and st.toggle(
        "With its discriminator", True, key=f"judge-{run.id}", help="Then the pictures can be sorted, best first."
    )
    private = st.toggle("Private", True, key=f"private-{run.id}")
    elsewhere = "" if policy.public() else " Empty: the one in HF_TOKEN."
    token = st.text_input("Token that may write", type="password", key=f"token-{run.id}",
                          help=f"Used this once, not stored.{elsewhere}")  # fmt: skip
    if warning := publish.warning(run.result):
        st.warning(warning)
    if st.button("Publish", type="primary", key=f"publish-{run.id}"):
        with telling():
            bar = st.progress(0.0)
            try:
                address = publish.publish(
                    run.result, repo, token, private=private, data_licence=licence, discriminator=with_discriminator,
                    progress=lambda step, of, doing: bar.progress(step / of, doing),
                )  # fmt: skip
            finally:
                bar.empty()
            st.success(f"Published: {address}")
