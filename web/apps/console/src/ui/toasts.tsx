import { Toast } from "radix-ui";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Icon, type IconName } from "./icon.tsx";

export interface ToastMessage {
  /** The same key replaces, never stacks. */
  readonly key: string;
  readonly kind: "info" | "success" | "warning" | "error";
  readonly title: string;
  readonly detail?: string;
  /** Overrides how long it stays; Infinity: until it is closed. */
  readonly ms?: number;
}

interface Toasts {
  readonly show: (message: ToastMessage) => void;
  readonly hide: (key: string) => void;
}

const ToastContext = createContext<Toasts>({ show: () => {}, hide: () => {} });
const MOST = 3;
const LOOKS: Record<ToastMessage["kind"], { icon: IconName; state: string; ms: number }> = {
  info: { icon: "info", state: "st-oncall", ms: 6_000 },
  success: { icon: "check", state: "st-available", ms: 6_000 },
  warning: { icon: "warning", state: "st-ringing", ms: 10_000 },
  error: { icon: "warning", state: "st-alert", ms: Number.POSITIVE_INFINITY },
};

/** Tells what happened, bottom right, three at most; hovering or focusing stops their time. */
export function ToastProvider({ children }: { readonly children: ReactNode }) {
  const { t } = useTranslation();
  const [messages, setMessages] = useState<readonly ToastMessage[]>([]);
  const hide = useCallback((key: string) => setMessages((all) => all.filter((one) => one.key !== key)), []);
  const show = useCallback(
    (message: ToastMessage) =>
      setMessages((all) => [...all.filter((one) => one.key !== message.key), message].slice(-MOST)),
    [],
  );
  const toasts = useMemo(() => ({ show, hide }), [show, hide]);
  return (
    <ToastContext.Provider value={toasts}>
      <Toast.Provider label={t("toast.label")} swipeDirection="right">
        {children}
        {messages.map((message) => {
          const look = LOOKS[message.kind];
          return (
            <Toast.Root
              key={message.key}
              className={`toast ${look.state}`}
              type="background"
              duration={message.ms ?? look.ms}
              onOpenChange={(open) => !open && hide(message.key)}
            >
              <span className="state">
                <Icon name={look.icon} />
              </span>
              <div className="grow">
                <Toast.Title className="strong">{message.title}</Toast.Title>
                {message.detail && <Toast.Description className="quiet">{message.detail}</Toast.Description>}
              </div>
              <Toast.Close className="btn flat sm icon end" aria-label={t("toast.close")}>
                <Icon name="x" />
              </Toast.Close>
            </Toast.Root>
          );
        })}
        <Toast.Viewport className="toasts" />
      </Toast.Provider>
    </ToastContext.Provider>
  );
}

export const useToasts = () => useContext(ToastContext);
