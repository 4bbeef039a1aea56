import { type NotificationRow, useAdminNotifications } from "@switchboard/react";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { usePreferences } from "../../data/preferences.ts";
import { useSession } from "../../data/session.tsx";
import { timeOfDay } from "../../ui/clock.tsx";
import { Icon, type IconName } from "../../ui/icon.tsx";
import { Popover } from "../../ui/overlay.tsx";
import { useToasts } from "../../ui/toasts.tsx";

const LOOKS: Record<NotificationRow["type"], { readonly icon: IconName; readonly state: string }> = {
  info: { icon: "info", state: "st-oncall" },
  success: { icon: "check", state: "st-available" },
  warning: { icon: "warning", state: "st-ringing" },
  error: { icon: "warning", state: "st-alert" },
};

/** The user's notifications; what is read or muted is so in every session, desktop and sound are this device's. */
export function NotificationBell() {
  const { t } = useTranslation();
  const { userId } = useSession();
  const { preferences } = usePreferences();
  const feed = useAdminNotifications({
    userId,
    enableDesktop: preferences.desktop,
    enableSound: preferences.sound,
  });
  const { notifications, unreadCount, markAllAsRead } = feed;
  useNotificationToasts(feed.toasts);
  const toasts = useToasts();
  const mute = async (one: NotificationRow, muted: boolean) => {
    const error = await feed.setPreference(one, { muted });
    if (error) {
      toasts.show({ key: "mute", kind: "error", title: t("errors.other"), detail: error.message });
    }
  };
  return (
    <Popover
      label={t("head.notifications", { count: unreadCount })}
      trigger={
        <button
          type="button"
          className="btn flat icon bell"
          aria-label={t("head.notifications", { count: unreadCount })}
        >
          <Icon name="bell" size="m" />
          {unreadCount > 0 && <b>{unreadCount}</b>}
        </button>
      }
    >
      <div className="row">
        <button type="button" className="btn sm" onClick={() => void markAllAsRead()} disabled={unreadCount === 0}>
          {t("head.markAll")}
        </button>
        <Channels askPermission={feed.askPermission} />
      </div>
      {notifications.length === 0 ? (
        <p className="quiet mt-2">{t("head.noNotifications")}</p>
      ) : (
        <ul className="mt-2">
          {notifications.map((one) => (
            <Line
              key={one.id}
              notification={one}
              isMuted={feed.preferenceOf(one).muted}
              onMute={(muted) => void mute(one, muted)}
            />
          ))}
        </ul>
      )}
    </Popover>
  );
}

/** Beside the bell: the desktop, for which the browser is asked here and nowhere else, and a sound for errors. */
function Channels({ askPermission }: { readonly askPermission: () => Promise<boolean> }) {
  const { t } = useTranslation();
  const { preferences, choose } = usePreferences();
  const toggleDesktop = async () => choose({ desktop: !preferences.desktop && (await askPermission()) });
  return (
    <span className="row end">
      <button
        type="button"
        className="btn flat sm"
        aria-pressed={preferences.desktop}
        onClick={() => void toggleDesktop()}
      >
        {preferences.desktop && <Icon name="check" size="xs" />}
        {t("head.desktop")}
      </button>
      <button
        type="button"
        className="btn flat sm"
        aria-pressed={preferences.sound}
        onClick={() => choose({ sound: !preferences.sound })}
      >
        {preferences.sound && <Icon name="check" size="xs" />}
        {t("head.sound")}
      </button>
    </span>
  );
}

interface LineProps {
  readonly notification: NotificationRow;
  readonly isMuted: boolean;
  readonly onMute: (muted: boolean) => void;
}

function Line({ notification, isMuted, onMute }: LineProps) {
  const { t } = useTranslation();
  const { type, title, body, read_at, created_at } = notification;
  return (
    <li className="row" style={{ minHeight: 34 }}>
      <span className={`state ${LOOKS[type].state}`}>
        <Icon name={LOOKS[type].icon} />
      </span>
      <span className="grow">
        <span className={read_at === null ? "strong" : ""}>{title}</span> <span className="quiet">{body}</span>
      </span>
      <span className="faint num">{timeOfDay(created_at)}</span>
      <button
        type="button"
        className="btn flat sm icon"
        aria-pressed={isMuted}
        aria-label={t("head.mute", { title })}
        title={t(isMuted ? "head.muted" : "head.muteThese")}
        onClick={() => onMute(!isMuted)}
      >
        <Icon name={isMuted ? "bell-off" : "bell"} size="xs" />
      </button>
    </li>
  );
}

/** In front: what is important until it is read or closed, the rest for the moment that its kind has. */
function useNotificationToasts(toasts: readonly NotificationRow[]): void {
  const { show, hide } = useToasts();
  const shown = useRef(new Set<string>());
  useEffect(() => {
    for (const { id, type, title, body, persistent } of toasts) {
      if (!shown.current.has(id)) {
        shown.current.add(id);
        const detail = body === null ? {} : { detail: body };
        show({ key: id, kind: type, title, ...detail, ...(persistent ? { ms: Number.POSITIVE_INFINITY } : {}) });
      }
    }
    for (const id of shown.current) {
      if (!toasts.some((one) => one.id === id)) {
        shown.current.delete(id);
        hide(id);
      }
    }
  }, [toasts, show, hide]);
  useEffect(() => {
    const { current } = shown;
    return () => current.forEach(hide); // they are this user's, in this organization
  }, [hide]);
}
