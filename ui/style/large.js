// A picture as large as the window, in the studio's own page where this one is a frame of it. Gradio's way is as large as
// this page, of which a phone, or the studio, shows a part.
let large = null;
const newest = (block) => [...block.querySelectorAll('img')].filter((one) => one.offsetHeight).at(-1);
document.addEventListener('click', (event) => {
  const button = event.target.closest?.('[aria-label=Fullscreen]');
  const shown = button && newest(button.closest('.block'));
  if (!shown) return;
  event.stopPropagation();
  const whole = window.frameElement?.ownerDocument ?? document;
  const dialog = whole.createElement('dialog'), close = whole.createElement('button');
  const all = 'border:0; padding:0; width:100vw; height:100dvh; max-width:none; max-height:none;';
  dialog.style.cssText = `${all} background:#111; overflow:hidden;`;
  close.style.cssText = 'position:fixed; top:12px; right:12px; padding:8px 14px; border:0; border-radius:8px;' +
    'background:#fff; color:#111; font:16px sans-serif; cursor:pointer;';
  close.textContent = 'Close';
  large = whole.createElement('img');
  large.style.cssText = 'width:100%; height:100%; object-fit:contain;';
  Object.assign(large, {src: shown.src, alt: shown.alt, easel: !!shown.closest('#preview, #compare')});
  dialog.ariaLabel = shown.alt;
  dialog.append(large, close);
  dialog.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    dialog.remove();
    large = null;
    (button.offsetHeight ? button : pressed())?.focus({preventScroll: true});
  });
  whole.body.append(dialog);
  dialog.showModal();
}, true);
// It goes on being painted.
document.addEventListener('load', (event) => {
  const now = large?.easel && event.target.closest?.(EASEL) && newest(picture(EASEL));
  if (now) Object.assign(large, {src: now.src, alt: now.alt});
}, true);
