import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { BoardPage } from "../features/board/board-page.tsx";
import { ConnectionPill } from "../features/connection/connection-pill.tsx";
import { Shell } from "../features/shell/shell.tsx";

const root = createRootRoute({
  component: () => <Shell connection={<ConnectionPill />} />,
  notFoundComponent: BoardPage,
});

const routes = [
  createRoute({ getParentRoute: () => root, path: "/", component: BoardPage }),
  createRoute({
    getParentRoute: () => root,
    path: "/agent",
    component: lazyRouteComponent(() => import("../features/agent/agent-page.tsx"), "AgentPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/calls",
    component: lazyRouteComponent(() => import("../features/calls/calls-page.tsx"), "CallsPage"),
  }),
];

/** The pages by their addresses; what is not the board comes when it is asked for. */
export const router = createRouter({ routeTree: root.addChildren(routes), defaultPreload: "intent" });
