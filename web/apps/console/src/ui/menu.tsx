import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import { Icon, type IconName } from "./icon.tsx";

export interface MenuAction {
  readonly kind: "action";
  readonly label: string;
  readonly icon?: IconName;
  readonly hint?: string;
  readonly isDangerous?: boolean;
  readonly isDisabled?: boolean;
  readonly isChecked?: boolean;
  readonly run: () => void;
}
export interface MenuGroup {
  readonly kind: "group";
  readonly label: string;
  readonly icon?: IconName;
  readonly items: readonly MenuItem[];
}
export type MenuItem =
  | MenuAction
  | MenuGroup
  | { readonly kind: "line" }
  | { readonly kind: "label"; readonly label: string };

interface MenuProps {
  readonly trigger: ReactNode;
  readonly items: readonly MenuItem[];
  readonly align?: "start" | "end";
  readonly open?: boolean;
  readonly onOpenChange?: (open: boolean) => void;
}

/** A menu below its trigger; arrow keys, typing and Escape as everywhere. */
export function Menu({ trigger, items, align = "start", ...state }: MenuProps) {
  return (
    <DropdownMenu.Root modal={false} {...state}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="pop" align={align} sideOffset={6} collisionPadding={8}>
          <MenuItems items={items} />
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function MenuItems({ items }: { readonly items: readonly MenuItem[] }) {
  return items.map((item, index) => {
    const key = `${index}`;
    switch (item.kind) {
      case "line":
        return <DropdownMenu.Separator key={key} className="menu-line" />;
      case "label":
        return (
          <DropdownMenu.Label key={key} className="menu-label">
            {item.label}
          </DropdownMenu.Label>
        );
      case "group":
        return (
          <DropdownMenu.Sub key={key}>
            <DropdownMenu.SubTrigger className="item">
              {item.icon && <Icon name={item.icon} />}
              {item.label}
              <span className="hint" aria-hidden="true">
                ›
              </span>
            </DropdownMenu.SubTrigger>
            <DropdownMenu.Portal>
              <DropdownMenu.SubContent className="pop" sideOffset={4} collisionPadding={8}>
                <MenuItems items={item.items} />
              </DropdownMenu.SubContent>
            </DropdownMenu.Portal>
          </DropdownMenu.Sub>
        );
      case "action":
        return <MenuActionItem key={key} item={item} />;
    }
    return null;
  });
}

function MenuActionItem({ item }: { readonly item: MenuAction }) {
  const disabled = item.isDisabled ? { disabled: true } : {};
  const content = (
    <>
      {item.icon && <Icon name={item.icon} />}
      {item.label}
      {item.isChecked && <Icon name="tick" className="hint" />}
      {item.hint && <span className="hint">{item.hint}</span>}
    </>
  );
  return item.isChecked === undefined ? (
    <DropdownMenu.Item className={`item ${item.isDangerous ? "danger" : ""}`} onSelect={item.run} {...disabled}>
      {content}
    </DropdownMenu.Item>
  ) : (
    <DropdownMenu.CheckboxItem className="item" checked={item.isChecked} onSelect={item.run} {...disabled}>
      {content}
    </DropdownMenu.CheckboxItem>
  );
}
