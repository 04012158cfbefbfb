// `node bin/run.cjs FILE ARGS…`: runs a script of this project under the pinned Node.
'use strict';

require('./pinned-node.cjs').runPinned(process.argv.slice(2));
