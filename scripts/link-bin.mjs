// Makes `npx barchan` work in a clone of this repository: npm links a package's commands into the projects
// that depend on it and makes them executable, but not in the package itself.
import { chmodSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../node_modules/.bin/', import.meta.url));
mkdirSync(folder, { recursive: true });
rmSync(`${folder}barchan`, { force: true });
symlinkSync('../../dist/cli/main.js', `${folder}barchan`);
chmodSync(`${folder}barchan`, 0o755);
