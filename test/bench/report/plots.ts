// Owns the plots of the report, as SVG.

import { init, type EChartsCoreOption } from "echarts";
import type { Series } from "../comparison.ts";
import { spreadOf } from "../statistics.ts";

const WIDTH = 860;
const HEIGHT = 420;

/** Drawn without a browser. */
function render(option: EChartsCoreOption): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height: HEIGHT });
  chart.setOption({ animation: false, backgroundColor: "#fff", ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

const nameOf = ({ system, door }: Series): string => `${system}, ${door}`;

/** Operations per second by clients, a bar for each door; both axes begin at nothing. */
export function throughputPlot(title: string, series: readonly Series[]): string {
  const clients = [...new Set(series.map((one) => one.clients))].toSorted((a, b) => a - b);
  const names = [...new Set(series.map(nameOf))];
  const bars = names.map((name) => ({
    name,
    type: "bar",
    data: clients.map((count) => {
      const found = series.find((one) => nameOf(one) === name && one.clients === count);
      return found === undefined
        ? null
        : Math.round(spreadOf(found.samples.map(({ perSecond }) => perSecond)).median);
    }),
  }));
  return render({
    title: { text: title, left: "center" },
    legend: { top: 30, data: names },
    grid: { top: 100, left: 80, right: 20, bottom: 50 },
    xAxis: {
      type: "category",
      name: "clients at once",
      nameLocation: "middle",
      nameGap: 30,
      data: clients,
    },
    yAxis: { type: "value", name: "per second, median" },
    series: bars,
  });
}
