declare module "plotly.js-strict-dist-min" {
  export interface Figure {
    data: object[];
    layout: Record<string, unknown>;
  }
  export interface ClickedPoint {
    customdata: unknown;
  }
  export interface PlotElement extends HTMLElement {
    on(event: "plotly_click", handler: (event: { points: ClickedPoint[] }) => void): void;
  }
  const Plotly: {
    react(element: HTMLElement, data: object[], layout: object, config: object): Promise<PlotElement>;
  };
  export default Plotly;
}
