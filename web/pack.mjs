// Gathers what the jar serves in dist/: the console, the packages as tarballs, and the list of it all.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist/sdk", { recursive: true });
cpSync("apps/console/dist", "dist/console", { recursive: true });
for (const name of ["client", "react"]) {
  const args = ["pack", `./packages/${name}`, "--pack-destination", "dist/sdk", "--loglevel=error"];
  execFileSync("npm", args, { stdio: ["ignore", "ignore", "inherit"] });
}
const files = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : [relative("dist", path)];
  });
writeFileSync("dist/files.txt", `${files("dist").sort().join("\n")}\n`);
