import { createRootRoute, createRoute, createRouter } from "@tanstack/react-router";
import { useEffect } from "react";
import { BoardPage } from "../features/board/board-page.tsx";
import { ConnectionPill } from "../features/connection/connection-pill.tsx";
import { Shell } from "../features/shell/shell.tsx";
import { Later } from "./later.tsx";

const loadAgent = () => import("../features/agent/agent-page.tsx").then(({ AgentPage }) => AgentPage);
const loadCalls = () => import("../features/calls/calls-page.tsx").then(({ CallsPage }) => CallsPage);

/** When the board is there, the other pages are fetched too: they shall be there when the server is not. */
const FETCH_MS = 5_000;

function Root() {
  useEffect(() => {
    const timer = setTimeout(() => void Promise.allSettled([loadAgent(), loadCalls()]), FETCH_MS);
    return () => clearTimeout(timer);
  }, []);
  return <Shell connection={<ConnectionPill />} />;
}

const root = createRootRoute({ component: Root, notFoundComponent: BoardPage });

const routes = [
  createRoute({ getParentRoute: () => root, path: "/", component: BoardPage }),
  createRoute({ getParentRoute: () => root, path: "/agent", component: () => <Later load={loadAgent} /> }),
  createRoute({ getParentRoute: () => root, path: "/calls", component: () => <Later load={loadCalls} /> }),
];

/** The pages by their addresses; what is not the board comes when it is asked for. */
export const router = createRouter({ routeTree: root.addChildren(routes) });
