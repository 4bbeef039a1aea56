interface SparklineProps {
  /** Oldest first; null is a gap, and stays one. */
  readonly values: readonly (number | null)[];
  /** Drawn as a dashed line. */
  readonly limit?: number | undefined;
}

const WIDTH = 120;
const HEIGHT = 34;
const TOP = 3;

/** The last hour as a line; the number beside it says what counts, so it is only decoration. */
export function Sparkline({ values, limit }: SparklineProps) {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) {
    return <span />;
  }
  const most = Math.max(...known, limit ?? 0, 1e-9);
  const x = (index: number) => round((index / Math.max(1, values.length - 1)) * WIDTH);
  const y = (value: number) => round(HEIGHT - TOP - (value / most) * (HEIGHT - 2 * TOP));
  const line = values
    .map((value, index) =>
      value === null ? "" : `${index > 0 && values[index - 1] !== null ? "L" : "M"}${x(index)} ${y(value)}`,
    )
    .join("");
  return (
    <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {known.length === values.length && (
        <path d={`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} fill="currentColor" opacity=".13" />
      )}
      {limit !== undefined && (
        <path
          d={`M0 ${y(limit)}H${WIDTH}`}
          stroke="currentColor"
          strokeDasharray="3 3"
          opacity=".6"
          fill="none"
          vectorEffect="non-scaling-stroke"
        />
      )}
      <path
        d={line}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        strokeLinejoin="round"
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
}

const round = (value: number) => Math.round(value * 10) / 10;
