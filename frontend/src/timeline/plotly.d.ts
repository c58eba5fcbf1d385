declare module "plotly.js-basic-dist-min" {
  export interface Figure {
    data: object[];
    layout: Record<string, unknown>;
  }
  export interface PlotPoint {
    customdata: unknown;
    x: unknown;
  }
  type PlotEvent = "plotly_click" | "plotly_hover" | "plotly_unhover";
  /** The drawn axis: pixels of a date within the plot, and the plot's own place. */
  export interface DrawnAxis {
    d2p(date: string): number;
    r2l(date: unknown): number;
    range: [unknown, unknown];
    _offset: number;
    _length: number;
  }
  export interface PlotElement extends HTMLElement {
    _fullLayout: { xaxis: DrawnAxis };
    on(event: PlotEvent, handler: (event: { points: PlotPoint[] }) => void): void;
    removeAllListeners(event: PlotEvent): void;
  }
  const Plotly: {
    react(element: HTMLElement, data: object[], layout: object, config: object): Promise<PlotElement>;
    downloadImage(element: HTMLElement, options: object): Promise<string>;
  };
  export default Plotly;
}
