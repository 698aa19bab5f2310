// A bar of one line: what does not fit is hidden, so that the bar never wraps and nothing is cut off.

/** Hides elements with the attribute data-fold, those with the largest number first, until the content of the bar fits.
 * `more`: the button that opens what is hidden; it is visible only if something is hidden. */
export function foldToFit(bar: HTMLElement, more?: HTMLElement): void {
  const parts = [...bar.querySelectorAll<HTMLElement>('[data-fold]')].sort((a, b) => Number(b.dataset.fold) - Number(a.dataset.fold));
  for (const part of parts) part.hidden = false;
  if (more) more.hidden = true;
  for (const part of parts) {
    if (bar.scrollWidth <= bar.clientWidth) return;
    if (more) more.hidden = false;
    part.hidden = true;
  }
}
