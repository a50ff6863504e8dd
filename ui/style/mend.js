// What Gradio's own markup lacks for whoever uses a keyboard, hears the page read, or looks where they pressed.

// ---------------------------------------------------------------- an answer stands beside what was touched

let touched = null;
const answer = (beside, words) => {
  let line = beside.nextElementSibling;
  if (!line?.matches('.answer')) {
    line = document.createElement('p');
    line.className = 'notice answer';
    line.setAttribute('role', 'alert');
    beside.after(line);
  }
  line.textContent = words;
};
const forget = (beside) => beside.nextElementSibling?.matches('.answer') && beside.nextElementSibling.remove();
const status = () => document.querySelector('#status');
for (const kind of ['pointerdown', 'drop', 'change', 'keydown'])
  document.addEventListener(kind, (event) => {
    const block = event.target.closest?.('#bar') ? status() : event.target.closest?.('.block');
    if (!block) return;
    touched = block;
    if (kind !== 'change' && !event.target.matches('input[type=number]')) forget(block);
  }, true);

// Gradio's own messages stand at the page's top, which may be far away, and go after ten seconds.
new MutationObserver(() => {
  for (const text of document.querySelectorAll('.toast-body [data-testid="toast-text"]:not([data-told])')) {
    text.dataset.told = '';
    const beside = touched?.isConnected ? touched : status();
    const more = beside.id === 'photo' ? ' A clip goes into “A clip in place of the photo”.' : '';
    const words = text.textContent.trim();
    answer(beside, words.includes('image/*') ? words.replace('image/*', 'pictures') + more : words);
  }
}).observe(document.body, {childList: true, subtree: true});

// Gradio's icons below a photo take it away before there is another.
const pasted = async () => {
  try {
    for (const item of await navigator.clipboard.read()) {
      const kind = item.types.find((type) => type.startsWith('image/'));
      if (kind) return new File([await item.getType(kind)], `pasted.${kind.slice(6)}`, {type: kind});
    }
  } catch { /* it may not be read, or there is nothing */ }
};
document.addEventListener('click', async (event) => {
  const icon = event.target.closest?.('#photo .source-selection button');
  const photo = document.querySelector('#photo'), input = photo?.querySelector('input[type=file]');
  if (!icon || !input) return;
  event.stopPropagation();
  if (icon.ariaLabel === 'Upload file') return input.click();
  const picture = await pasted();
  if (!picture) return answer(photo, 'There is no picture in the clipboard, or this page may not look.');
  const files = new DataTransfer();
  files.items.add(picture);
  input.files = files.files;
  input.dispatchEvent(new Event('change', {bubbles: true}));
}, true);

// ---------------------------------------------------------------- numbers say what they may be

const plain = (label) => label.replace(/ \(.*\)/, '');
const label = (input) => plain(input.getAttribute('aria-label').replace('number input for ', ''));
const bounds = (input) => `${label(input)} goes from ${input.min} to ${input.max}`;
const is_number = (input) => input.matches?.('input[type=number]') && input.closest('.block');
const unusable = (input) => input.value === '' || input.validity.rangeUnderflow || input.validity.rangeOverflow;
document.addEventListener('focusin', (event) => {
  if (is_number(event.target) && !unusable(event.target)) event.target.dataset.before = event.target.value;
});
// What cannot be used is kept from Gradio, which would take it for a value.
document.addEventListener('input', (event) => {
  const input = event.target;
  if (!is_number(input)) return;
  if (!unusable(input)) return forget(input.closest('.block'));
  event.stopPropagation();
  if (input.value) answer(input.closest('.block'), bounds(input) + '.');
}, true);
document.addEventListener('blur', (event) => {  // before Gradio's own, which is silent
  const input = event.target;
  if (!is_number(input) || !unusable(input)) return;
  const written = input.value;
  if (written) input.value = input.validity.rangeOverflow ? input.max : input.min;
  else input.value = input.dataset.before ?? input.min;
  input.dispatchEvent(new Event('input', {bubbles: true}));
  if (written) answer(input.closest('.block'), `${bounds(input)}: ${written} became ${input.value}.`);
}, true);

// What is brought to a page, Gradio takes for what a slider is reset to, where it was drawn later.
document.addEventListener('click', (event) => {
  const input = event.target.closest?.('.reset-button')?.parentElement.querySelector('input');
  const usual = input && window.gradio_config.components.find((one) => plain(one.props.label ?? '') === label(input));
  if (!usual) return;
  event.stopPropagation();
  input.value = usual.props.value;
  input.dispatchEvent(new Event('input', {bubbles: true}));
}, true);

// ---------------------------------------------------------------- focus goes where the pressed button went

let pressing = false;
const pressed = () => document.querySelector('#bar button');
document.addEventListener('focusin', (event) => { pressing = !!event.target.closest('#bar'); });
document.addEventListener('pointerdown', (event) => { pressing = !!event.target.closest('#bar'); });
document.addEventListener('click', (event) => {
  if (!event.target.closest?.('#skip')) return;
  event.preventDefault();
  pressed()?.focus();
});

// ---------------------------------------------------------------- what is painted comes into sight

// On a phone it stands below all settings: Paint brings it into sight, and there it stays, however it changes, until
// somebody goes elsewhere.
const EASEL = '#preview, #compare', CLIP = '#clip-moves, #clip-plays';
let follow = '';
const picture = (which) => [...document.querySelectorAll(which)].find((one) => one.offsetHeight);
const bring = (which) => {
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  picture(which)?.scrollIntoView({behavior: calm ? 'auto' : 'smooth', block: 'nearest'});
};
window.showPicture = () => {
  if (!document.querySelector('#photo img') || !document.querySelector('#styles img')) return;  // there will be none
  follow = EASEL;
  bring(EASEL);
};
window.showClip = () => { follow = CLIP; };
for (const kind of ['pointerdown', 'wheel', 'touchmove', 'keydown'])
  window.addEventListener(kind, () => { follow = ''; }, {capture: true, passive: true});
document.addEventListener('load', (event) => {  // only now it is known how large it is
  const block = event.target.closest?.('.block');
  if (!block) return;
  if (block.id === 'photo' && block.dataset.shows !== event.target.src) {
    block.dataset.shows = event.target.src;
    forget(block);  // what was said is of a file before
  }
  if (follow && block.matches(follow)) bring(follow);
  if (block.matches(EASEL)) peep();
}, true);

// As long as it is out of sight, the foot of the window shows it, small.
const peek = document.createElement('button');
peek.id = 'peek';
peek.ariaLabel = 'Show the picture';
peek.append(document.createElement('img'));
peek.firstChild.alt = '';
peek.addEventListener('click', () => bring(EASEL));
const seen = new IntersectionObserver((news) => {
  const it = news.at(-1);
  const fills = it.rootBounds && it.intersectionRect.height > 0.8 * it.rootBounds.height;  // a low window
  peek.hidden = it.intersectionRatio > 0.5 || fills;
}, {threshold: [0, 0.2, 0.35, 0.5, 0.8], rootMargin: '-60px 0px -130px'});  // behind the studio's head and the bar
const peep = () => {
  const shown = picture(EASEL), bar = document.querySelector('#bar');
  if (!shown || !bar) return peek.remove();
  if (peek.parentElement !== bar) bar.append(peek);
  const source = [...shown.querySelectorAll('img')].at(-1)?.src;
  if (source && peek.firstChild.src !== source) peek.firstChild.src = source;
  if (peek.of === shown) return;
  seen.disconnect();
  seen.observe(peek.of = shown);
};

// ---------------------------------------------------------------- a shelf of pictures is one stop, with arrows inside

document.addEventListener('keydown', (event) => {
  const button = event.target.closest?.('.shelf .thumbnail-item');
  if (!button) return;
  const all = [...button.closest('.shelf').querySelectorAll('.thumbnail-item')];
  const to = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -all.length, End: all.length}[event.key];
  if (!to) return;
  event.preventDefault();
  const next = all[Math.min(Math.max(all.indexOf(button) + to, 0), all.length - 1)];
  for (const one of all) one.tabIndex = one === next ? 0 : -1;
  next.focus();
});

// ---------------------------------------------------------------- names, and the comparison's handle

const STEP = 5; // percent an arrow key moves the handle
const move = (handle, share) => {
  const box = handle.parentElement.getBoundingClientRect();
  const at = {clientX: box.left + box.width * share, clientY: box.top + box.height / 2, view: window, bubbles: true};
  handle.dispatchEvent(new MouseEvent('mousedown', at));
  window.dispatchEvent(new MouseEvent('mouseup', at));
};
const place_of = (handle) => {
  const box = handle.parentElement.getBoundingClientRect(), own = handle.getBoundingClientRect();
  return (own.left + own.width / 2 - box.left) / box.width;
};
document.addEventListener('keydown', (event) => {
  const handle = event.target.closest?.('#compare .outer');
  const by = {ArrowRight: STEP, ArrowUp: STEP, ArrowLeft: -STEP, ArrowDown: -STEP, Home: -100, End: 100}[event.key];
  if (!handle || !by) return;
  event.preventDefault();
  move(handle, Math.min(Math.max(place_of(handle) + by / 100, 0), 1));
});

const tell = (handle) => set(handle, {'aria-valuenow': Math.round(100 * place_of(handle)) || 0});
const moves = new MutationObserver((news) => news.forEach((one) => tell(one.target)));

const set = (element, values) => {
  for (const [name, value] of Object.entries(values))
    if (element && element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
};
const mend = () => {
  for (const shelf of document.querySelectorAll('.shelf')) {
    const all = [...shelf.querySelectorAll('.thumbnail-item')];
    const stop = all.find((one) => one.getAttribute('tabindex') === '0') || all[0];
    for (const one of all) set(one, {tabindex: one === stop ? 0 : -1, 'aria-label': one.querySelector('img')?.alt});
  }
  const numbered = (kind, words) =>
    document.querySelectorAll(`#styles ${kind}`).forEach((one, n) => set(one, {'aria-label': `${words} ${n + 1}`}));
  numbered('.thumbnail-item', 'Style picture');
  numbered('.delete-button', 'Remove style picture');
  const [before, after] = document.querySelectorAll('#compare img');
  set(before, {alt: 'The photo'});
  set(after, {alt: 'The painting'});
  set(document.querySelector('#preview img'), {alt: 'The painting so far'});
  set(document.querySelector('#photo img'), {alt: 'Your photo'});
  for (const handle of document.querySelectorAll('#compare .outer')) {
    set(handle, {role: 'slider', tabindex: 0, 'aria-label': 'How much of the photo is shown'});
    set(handle, {'aria-valuemin': 0, 'aria-valuemax': 100});
    if (handle.hasAttribute('aria-valuenow')) continue;
    tell(handle);
    moves.observe(handle, {attributes: true, attributeFilter: ['style']});
  }
  for (const reset of document.querySelectorAll('.reset-button'))
    set(reset, {'aria-label': `Reset ${label(reset.parentElement.querySelector('input'))}`});
  // An empty place for files is called what stands in it, and what it is for.
  for (const place of document.querySelectorAll('.upload-container[aria-label]:not(.icon-mode)')) {
    const written = place.innerText.replace(/\s+/g, ' ').trim();
    const what = place.closest('.block').querySelector('label')?.innerText.trim();
    if (written) set(place, {'aria-label': `${written}: ${what}`});
  }
  // A choice is one stop, its arrow keys choose.
  document.querySelectorAll('fieldset').forEach((group, n) => {
    for (const radio of group.querySelectorAll('input[type=radio]')) set(radio, {name: `choice-${n}`});
  });
  // A button inside a button: only the outer one is pressed, and opens what the inner one would.
  for (const inner of document.querySelectorAll('.icon-button .upload-container:not([disabled])')) {
    inner.disabled = true;
    inner.style.pointerEvents = 'none';
    inner.closest('.icon-button').addEventListener('click', (event) => {
      if (!inner.contains(event.target)) inner.querySelector('input').click();
    });
  }
  peep();
  if (pressing && document.activeElement === document.body) pressed()?.focus({preventScroll: true});
};
// At once, so that nothing is ever seen, read or judged without its name.
new MutationObserver(mend).observe(document.body, {childList: true, subtree: true});
mend();
