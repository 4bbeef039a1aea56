import { useAdminNotifications } from "@switchboard/react";
import { useTranslation } from "react-i18next";
import { useSession } from "../../data/session.tsx";
import { timeOfDay } from "../../ui/clock.tsx";
import { Icon, type IconName } from "../../ui/icon.tsx";
import { Popover } from "../../ui/overlay.tsx";

const LOOKS: Record<string, { readonly icon: IconName; readonly state: string }> = {
  info: { icon: "info", state: "st-oncall" },
  success: { icon: "check", state: "st-available" },
  warning: { icon: "warning", state: "st-ringing" },
  error: { icon: "warning", state: "st-alert" },
};

/** The user's notifications; what is read is read in every session. */
export function NotificationBell() {
  const { t } = useTranslation();
  const { userId } = useSession();
  const { notifications, unreadCount, markAllAsRead } = useAdminNotifications({ userId });
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
      {notifications.length === 0 ? (
        <p className="quiet">{t("head.noNotifications")}</p>
      ) : (
        <>
          <button type="button" className="btn sm" onClick={() => void markAllAsRead()} disabled={unreadCount === 0}>
            {t("head.markAll")}
          </button>
          <ul className="mt-2">
            {notifications.map((one) => (
              <li key={one.id} className="row" style={{ minHeight: 34 }}>
                <span className={`state ${LOOKS[one.type]?.state ?? "st-none"}`}>
                  <Icon name={LOOKS[one.type]?.icon ?? "info"} />
                </span>
                <span className="grow">
                  <span className={one.read_at === null ? "strong" : ""}>{one.title}</span>{" "}
                  <span className="quiet">{one.body}</span>
                </span>
                <span className="faint num">{timeOfDay(one.created_at)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Popover>
  );
}
