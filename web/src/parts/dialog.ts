/** Keeps the focus inside the dialog when Tab is pressed. The page below is inert, but Tab could move the focus to the
 * browser's own bars. */
export function keepTab(event: KeyboardEvent, dialog: HTMLElement): void {
  if (event.key !== 'Tab') return;
  const all = [...dialog.querySelectorAll<HTMLElement>('button, input, select')].filter((one) => !one.matches(':disabled') && one.offsetParent !== null);
  const radios = all.filter((one) => one.matches('input[type=radio]:not(:checked)'));
  const stops = all.filter((one) => !radios.includes(one));
  const first = stops[0];
  const last = stops[stops.length - 1];
  if (event.shiftKey && (document.activeElement === first || document.activeElement === dialog)) {
    event.preventDefault();
    last?.focus();
  } else if (!event.shiftKey && document.activeElement === last) {
    event.preventDefault();
    first?.focus();
  }
}
