// Where this page stands: alone, or in the studio's frame. There it is as high as its content, so that there is one
// scroll bar, the studio's; and what stays in sight (`#bar`) is told how much of the frame is above and below the window.
const frame = window.frameElement;
if (frame) {
  const root = document.documentElement, outside = frame.ownerDocument;
  root.classList.add('framed');
  const content = document.querySelector('.gradio-container .main') || document.body;
  const place = () => {
    const box = frame.getBoundingClientRect();
    const header = outside.querySelector('[data-testid="stHeader"]')?.getBoundingClientRect().bottom ?? 0;
    const within = (length) => Math.round(Math.min(Math.max(length, 0), box.height)) + 'px';
    root.style.setProperty('--above', within(header - box.top));
    root.style.setProperty('--below', within(box.bottom - outside.documentElement.clientHeight));
  };
  const fit = () => {
    frame.style.height = Math.ceil(content.getBoundingClientRect().height + 48) + 'px';
    place();
  };
  new ResizeObserver(fit).observe(content);
  outside.addEventListener('scroll', place, {capture: true, passive: true});
  outside.defaultView.addEventListener('resize', place);
  window.addEventListener('resize', place);
  window.addEventListener('pagehide', () => {
    outside.removeEventListener('scroll', place, {capture: true});
    outside.defaultView.removeEventListener('resize', place);
  });
  fit();
}
