import type { ChannelReport, ConnectionState } from "@switchboard/client";
import { useChannels, useConnection, useLiveClient } from "@switchboard/react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { duration, secondsSince, ticker, timeOfDay, useNow } from "../../ui/clock.tsx";
import { Icon, type IconName } from "../../ui/icon.tsx";
import { Popover } from "../../ui/overlay.tsx";
import { useToasts } from "../../ui/toasts.tsx";

const LOOKS: Record<ConnectionState["kind"], { readonly icon: IconName; readonly state: string }> = {
  live: { icon: "live", state: "st-available calm" },
  catching_up: { icon: "catch", state: "st-oncall" },
  reconnecting: { icon: "refresh", state: "st-ringing" },
  polling: { icon: "clock", state: "st-paused" },
  offline: { icon: "power", state: "st-offline" },
  denied: { icon: "lock", state: "st-alert" },
};

/** Most drops heal in a second: until then the pill says what it said (DESIGN 4). */
const GRACE_MS = 5_000;

/** The state of the way to the server, its latency, how many panels are behind; opens the table of sources. */
export function ConnectionPill() {
  const { t } = useTranslation();
  const { state, latencyMs } = useConnection();
  const shown = useCalmState(state);
  const behind = useChannels().filter(({ status }) => status !== undefined && status !== "SUBSCRIBED").length;
  useConnectionToasts(shown);
  const look = LOOKS[shown.kind];
  const word = t(`connection.${shown.kind}`);
  const detail = useDetail(shown, latencyMs);
  const late = shown.kind === "live" && behind > 0 ? t("connection.behind", { count: behind }) : "";
  return (
    <Popover
      label={t("connection.title")}
      trigger={
        <button
          type="button"
          className="pill"
          data-connection={state.kind}
          aria-label={t("connection.label", { word: `${word} ${detail} ${late}`.trim() })}
        >
          <span className={`state ${look.state}`}>
            <Icon name={look.icon} />
            {word}
          </span>{" "}
          {detail && <span className="faint wide">{detail}</span>}
          {late && (
            <>
              <span className="sep wide" />
              <span className="state st-ringing wide">
                <Icon name="clock" />
                {late}
              </span>
            </>
          )}
        </button>
      }
    >
      <Sources />
    </Popover>
  );
}

function useDetail(state: ConnectionState, latencyMs: number | undefined): string {
  const { t } = useTranslation();
  switch (state.kind) {
    case "live":
      return latencyMs === undefined ? "" : t("connection.liveDetail", { ms: latencyMs });
    case "reconnecting":
      return state.attempt > 0 ? t("connection.reconnectingDetail", { attempt: state.attempt }) : "";
    case "polling":
    case "offline":
    case "denied":
      return t(`connection.${state.kind}Detail`);
    case "catching_up":
      return "";
  }
}

const URGENT: readonly ConnectionState["kind"][] = ["live", "offline", "denied"];
const LIVE: ConnectionState = { kind: "live" };

/** What the device says, and what is denied, is shown at once; a socket that is gone only after 5 s. */
function useCalmState(state: ConnectionState): ConnectionState {
  const wasLive = useRef(false);
  const [isLate, setLate] = useState(false);
  const isUrgent = URGENT.includes(state.kind);
  useEffect(() => {
    wasLive.current ||= state.kind === "live";
  }, [state]);
  useEffect(() => {
    setLate(false);
    if (!isUrgent) {
      const timer = setTimeout(() => setLate(true), GRACE_MS);
      return () => clearTimeout(timer);
    }
  }, [isUrgent]);
  return isUrgent || isLate || !wasLive.current ? state : LIVE;
}

/** One toast when the connection is lost, which becomes one when it is back (FEATURES F000-43). */
function useConnectionToasts(shown: ConnectionState): void {
  const { t } = useTranslation();
  const { show, hide } = useToasts();
  const { lastVerified } = useConnection();
  const wasLost = useRef(false);
  const wasLive = useRef(false);
  const verified = useRef(lastVerified);
  useEffect(() => {
    verified.current = lastVerified;
  });
  useEffect(() => {
    if (shown.kind === "live") {
      wasLive.current = true;
      if (wasLost.current) {
        wasLost.current = false;
        show({ key: "connection", kind: "success", title: t("connection.backTitle"), ms: 4_000 });
      }
    } else if (wasLive.current && !wasLost.current && shown.kind !== "catching_up" && shown.kind !== "denied") {
      wasLost.current = true;
      const time = verified.current ? timeOfDay(ticker.toServer(verified.current)) : "–";
      show({
        key: "connection",
        kind: "warning",
        title: t("connection.lostTitle"),
        detail: t("connection.lostDetail", { time }),
        ms: Number.POSITIVE_INFINITY,
      });
    } else if (shown.kind === "denied") {
      hide("connection");
    }
  }, [shown, show, hide, t]);
  useEffect(() => () => hide("connection"), [hide]);
}

function Sources() {
  const { t } = useTranslation();
  const client = useLiveClient();
  const { lastVerified, reconnect } = useConnection();
  const channels = useChannels();
  return (
    <>
      <h2 className="strong">{t("connection.title")}</h2>
      {lastVerified !== undefined && (
        <p className="quiet">{t("connection.verified", { time: timeOfDay(ticker.toServer(lastVerified)) })}</p>
      )}
      <div className="mt-2" style={{ overflow: "auto", maxHeight: 320 }} tabIndex={0}>
        <table className="t">
          <thead>
            <tr>
              <th scope="col">{t("connection.source")}</th>
              <th scope="col">{t("connection.state")}</th>
              <th scope="col" className="num">
                {t("connection.change")}
              </th>
              <th scope="col" className="num">
                {t("connection.errors")}
              </th>
              <th scope="col" className="num">
                {t("connection.delay")}
              </th>
            </tr>
          </thead>
          <tbody>
            {channels.map((channel) => (
              <Source key={channel.name} channel={channel} />
            ))}
          </tbody>
        </table>
      </div>
      <div className="row mt-3" style={{ justifyContent: "flex-end" }}>
        <button type="button" className="btn" onClick={() => void client.refetchAll()}>
          {t("connection.refetch")}
        </button>
        <button type="button" className="btn" onClick={reconnect}>
          {t("connection.reconnect")}
        </button>
      </div>
    </>
  );
}

function Source({ channel }: { readonly channel: ChannelReport }) {
  const { t } = useTranslation();
  const now = useNow();
  const isUp = channel.status === "SUBSCRIBED";
  const isJoining = channel.status === undefined;
  const look = isUp ? LOOKS.live : isJoining ? LOOKS.catching_up : LOOKS.denied;
  const table = channel.name.replace(/^live:(refetch:)?(public\.)?/, "").replace(/:.*$/, "");
  return (
    <tr title={channel.error ?? channel.name}>
      <th scope="row" className="mono" style={{ fontFamily: "var(--mono)", color: "var(--ink-1)" }}>
        {table}
      </th>
      <td>
        <span className={`state ${look.state}`}>
          <Icon name={isUp || isJoining ? look.icon : "warning"} />
          {t(isUp ? "connection.joined" : isJoining ? "connection.joining" : "connection.failed")}
        </span>
      </td>
      <td className="num">
        {channel.lastChange === undefined
          ? t("connection.never")
          : duration(secondsSince(ticker.toServer(channel.lastChange), now))}
      </td>
      <td className="num">{channel.errors}</td>
      <td className="num">{channel.delayMs === undefined ? "–" : `${channel.delayMs} ms`}</td>
    </tr>
  );
}
