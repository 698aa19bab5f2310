// Delays work until after the next frame, so that the work does not delay the frame.

/** maximum delay in milliseconds, for a page in the background, which draws no frames */
const LATEST = 100;

/** Resolves after the next frame, or at once outside a browser. */
export function afterFrame(): Promise<void> {
  if (typeof requestAnimationFrame !== 'function') return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, LATEST);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      setTimeout(resolve);
    });
  });
}
