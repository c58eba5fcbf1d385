/** The strip beside the slider: how much of each slice is infected, from head to feet, and where one is. */

/** Bars' lengths as shares of the largest, 0..1. */
export function shares(profile_ml: readonly number[]): number[] {
  const most = Math.max(...profile_ml, 1e-6);
  return profile_ml.map((ml) => ml / most);
}

/** Draw the strip; colours come from the style sheet. */
export function drawStrip(canvas: HTMLCanvasElement, profile_ml: readonly number[], current: number): void {
  const style = getComputedStyle(canvas);
  const { clientWidth, clientHeight } = canvas;
  canvas.width = clientWidth * devicePixelRatio;
  canvas.height = clientHeight * devicePixelRatio;
  const context = canvas.getContext("2d");
  if (context === null || profile_ml.length === 0) return;
  context.scale(devicePixelRatio, devicePixelRatio);
  const step = clientHeight / profile_ml.length;
  context.fillStyle = style.getPropertyValue("--strip-bar");
  shares(profile_ml).forEach((share, image) => {
    if (share > 0) context.fillRect(0, image * step, Math.max(2, share * clientWidth), Math.max(1, step));
  });
  context.fillStyle = style.getPropertyValue("--strip-mark");
  context.fillRect(0, (current + 0.5) * step - 1, clientWidth, 2);
}
