// Round numbers for axes.

/** `whole`: true: only whole numbers get a tick */
export function ticks(low: number, high: number, wanted: number, whole = false): { at: number; text: string }[] {
  const range = high - low;
  if (!(range > 0) || !Number.isFinite(range)) return [{ at: low, text: String(+low.toPrecision(4)) }];
  const rough = Math.max(whole ? 1 : 0, range / Math.max(1, wanted));
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ((whole ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10]).find((s) => s * power >= rough) as number);
  const digits = Math.max(0, Math.min(8, Math.ceil(-Math.log10(step) + (step / power === 2.5 ? 1 : 0) - 1e-9)));
  const list: { at: number; text: string }[] = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) {
    const at = k * step;
    list.push({ at, text: Math.abs(at) >= 1e6 ? at.toExponential(1) : at.toFixed(digits) });
  }
  return list;
}
