/** What the command's shim loads: it loads the rest with the compile cache. */
import { createRequire } from 'node:module';
import { useCompileCache } from './compile-cache.js';

const [command = ''] = process.argv.slice(2);
const cache = useCompileCache(/^[a-z]+$/.test(command) ? command : 'other', __dirname);
process.on('exit', (code) => {
  // What a command that failed did not come to would be missing.
  if (code === 0) cache.save();
});
createRequire(__filename)('./main.js');
