import { type ColumnDef, flexRender, tableFeatures, useTable } from "@tanstack/react-table";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useEndedCalls } from "../../data/floor.ts";
import { type EndedCall, otherEnd } from "../../data/rows.ts";
import { usePermissions } from "../../data/session.tsx";
import { phone } from "../../floor/names.ts";
import { useSearch } from "../../floor/search.ts";
import { duration, timeOfDay } from "../../ui/clock.tsx";
import { Icon, type IconName } from "../../ui/icon.tsx";
import { Panel } from "../../ui/panel.tsx";

const PAGE = 50;
/** Rows and columns; order, filters and pages are the server's. */
const FEATURES = tableFeatures({});

const RESULTS: Record<string, { readonly icon: IconName; readonly state: string }> = {
  completed: { icon: "tick", state: "st-none" },
  abandoned: { icon: "warning", state: "st-ringing" },
  missed: { icon: "warning", state: "st-ringing" },
  failed: { icon: "warning", state: "st-alert" },
};

/** The calls that are over, the last first; a call that ends appears on top. */
export function CallsPage() {
  const { t } = useTranslation();
  const { query } = useSearch();
  const { canReadCalls } = usePermissions();
  const [limit, setLimit] = useState(PAGE);
  const calls = useEndedCalls(limit);
  const rows = useMemo(() => matching(calls.data, query), [calls.data, query]);
  return (
    <div className="board" style={{ display: "flex" }}>
      <Panel
        title={t("history.title")}
        count={calls.data.length}
        className="grow"
        source={{ ...calls, status: calls.data.length > 0 ? "success" : calls.status }}
        isDenied={!canReadCalls}
        empty={{ when: calls.data.length === 0, icon: "list", title: t("history.empty"), text: t("history.emptyText") }}
        actions={
          <button
            type="button"
            className="btn flat icon"
            aria-label={t("panel.refresh")}
            onClick={() => void calls.refetch()}
          >
            <Icon name="refresh" size="m" />
          </button>
        }
      >
        <div className="scrolls" tabIndex={0}>
          {rows.length > 0 ? (
            <EndedTable rows={rows} />
          ) : (
            <p className="blank">
              <Icon name="search" size="m" />
              <b>{t("calls.noMatch")}</b>
              <span>{t("calls.noMatchText", { query })}</span>
            </p>
          )}
          {calls.data.length >= limit && (
            <div className="foot">
              <button type="button" className="btn sm" onClick={() => setLimit(limit + PAGE)}>
                {t("history.more")}
              </button>
            </div>
          )}
        </div>
      </Panel>
    </div>
  );
}

function matching(calls: readonly EndedCall[], query: string): EndedCall[] {
  const wanted = query.trim().toLowerCase();
  return calls.filter((call) => {
    const texts = [call.company_name, call.contact_name, call.agent_name, call.queue_name, otherEnd(call)];
    return wanted === "" || texts.some((text) => text?.toLowerCase().includes(wanted));
  });
}

function EndedTable({ rows }: { readonly rows: EndedCall[] }) {
  const columns = useColumns();
  const table = useTable({ features: FEATURES, data: rows, columns, getRowId: ({ id }) => id });
  return (
    <table className="t">
      <thead>
        {table.getHeaderGroups().map((group) => (
          <tr key={group.id}>
            {group.headers.map((head) => (
              <th key={head.id} scope="col" className={classOf(head.column.columnDef.meta)}>
                {flexRender(head.column.columnDef.header, head.getContext())}
              </th>
            ))}
          </tr>
        ))}
      </thead>
      <tbody>
        {table.getRowModel().rows.map((row) => (
          <tr key={row.id}>
            {row.getAllCells().map((cell) => (
              <td key={cell.id} className={classOf(cell.column.columnDef.meta)}>
                {flexRender(cell.column.columnDef.cell, cell.getContext())}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const classOf = (meta: unknown): string => (typeof meta === "string" ? meta : "");

function useColumns(): ColumnDef<typeof FEATURES, EndedCall>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: "when",
        header: t("history.when"),
        cell: ({ row }) => timeOfDay(row.original.ended_at),
        meta: "faint",
      },
      {
        id: "caller",
        header: t("history.caller"),
        cell: ({ row: { original: call } }) => (
          <>
            <span className="mid">{call.company_name ?? call.contact_name ?? phone(otherEnd(call))}</span>{" "}
            <span className="faint sub wide">{phone(otherEnd(call))}</span>
          </>
        ),
      },
      {
        id: "queue",
        header: t("history.queue"),
        cell: ({ row }) => row.original.queue_name ?? t("incoming.direct"),
        meta: "quiet wide",
      },
      { id: "agent", header: t("history.agent"), cell: ({ row }) => row.original.agent_name ?? "–", meta: "wide" },
      { id: "result", header: t("history.result"), cell: ({ row }) => <Result call={row.original} /> },
      { id: "waited", header: t("history.waited"), cell: ({ row }) => duration(row.original.wait_s), meta: "num wide" },
      { id: "talked", header: t("history.talked"), cell: ({ row }) => duration(row.original.talk_s), meta: "num" },
      { id: "score", header: t("history.score"), cell: ({ row }) => <Score call={row.original} />, meta: "num wide" },
    ],
    [t],
  );
}

function Result({ call }: { readonly call: EndedCall }) {
  const { t } = useTranslation();
  const look = RESULTS[call.state] ?? { icon: "x" as const, state: "st-none" };
  return (
    <span className={`state ${look.state}`}>
      <Icon name={look.icon} />
      {t(`states.${call.state}`)}
    </span>
  );
}

function Score({ call }: { readonly call: EndedCall }) {
  const { t } = useTranslation();
  if (call.score !== null) {
    return <span className={call.score <= 30 ? "warn" : ""}>{call.score}</span>;
  }
  return (
    <span className="faint">
      {call.ai_status === "processing" || call.ai_status === "pending" ? t("history.pending") : "–"}
    </span>
  );
}
