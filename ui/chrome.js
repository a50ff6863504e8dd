// What neither a setting nor a rule of style can mend in Streamlit's markup for those who hear a page read.
// The place for files says that it is none ("presentation"), and has a name all the same.
if (!window.ganvasMends) {
  const mend = () => document.querySelectorAll('[data-testid=stFileUploaderDropzone][role=presentation]')
    .forEach(place => place.setAttribute('role', 'group'));
  window.ganvasMends = new MutationObserver(mend);
  window.ganvasMends.observe(document.body, { childList: true, subtree: true });
  mend();
}
