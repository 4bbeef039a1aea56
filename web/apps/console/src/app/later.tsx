import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "../ui/icon.tsx";

const RETRY_MS = 3_000;

type Page = () => ReactNode;

/**
 * A page that comes when it is wanted. Where it cannot be loaded that is said, and it is tried again; the page as a whole
 * is never loaded anew for it, since that would lose what is shown while the server is gone.
 */
export function Later({ load }: { readonly load: () => Promise<Page> }) {
  const { t } = useTranslation();
  const [Loaded, setLoaded] = useState<Page | undefined>();
  const [hasFailed, setFailed] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isCurrent = true;
    const ask = () =>
      load().then(
        (page) => isCurrent && setLoaded(() => page),
        () => {
          if (isCurrent) {
            setFailed(true);
            timer = setTimeout(() => void ask(), RETRY_MS);
          }
        },
      );
    void ask();
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [load]);
  if (Loaded) {
    return <Loaded />;
  }
  return hasFailed ? (
    <div className="blank" role="status">
      <Icon name="warning" size="m" />
      <b>{t("panel.broken")}</b>
      <span>{t("panel.unreachable")}</span>
    </div>
  ) : null;
}
