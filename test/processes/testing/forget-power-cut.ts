/** Loaded by `--import`: the preloaded library has read its variables, and options of the member they are not. */
for (const name of Object.keys(process.env)) if (name.startsWith('CONCERT_POWER_CUT_')) delete process.env[name];
