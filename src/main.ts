import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Before any other module is loaded: the pool of threads takes its size at its first use, and with the
// default of 4 running queries keep file reads waiting for seconds.
process.env['UV_THREADPOOL_SIZE'] ??= '16';

// In a folder of our own: into the shared temporary one anybody could put code.
enableCompileCache(join(import.meta.dirname, '..', '.cache', 'modules'));

const NODE_MIN = { major: 24, minor: 12 };
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < NODE_MIN.major || (major === NODE_MIN.major && minor < NODE_MIN.minor)) {
  process.stderr.write(
    `USAGE: costgraph needs Node ${NODE_MIN.major}.${NODE_MIN.minor} or newer, this is ${process.versions.node}. ` +
      'Start it by npm (npm start, npm run -s costgraph -- COMMAND), which brings its own, or update Node.\n',
  );
  process.exit(1);
}

// Whoever reads our output may stop early, as `head` does: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const { runCommand } = await import('./commands/run-command.ts');
process.exitCode = await runCommand(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
});
