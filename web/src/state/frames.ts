// Work that nobody waits for: it begins after the next frame, so that the frame is not late.

/** Milliseconds until the work begins at the latest: a page in the background draws no frames. */
const LATEST = 100;

/** Resolves after the next frame; at once where nothing is drawn. */
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
