/** What the worker's exit code means to whatever started it. Only {@link EXIT_CRASHED} is worth a restart. */

/** Told to go, and everything was handed over. */
export const EXIT_DONE = 0;
/** Something unforeseen. */
export const EXIT_CRASHED = 1;
/** The backend refuses this worker for good: restarting it changes nothing (77 is EX_NOPERM of sysexits.h). */
export const EXIT_REJECTED = 77;
/** The configuration is wrong: restarting it changes nothing (78 is EX_CONFIG of sysexits.h). */
export const EXIT_MISCONFIGURED = 78;

/** The usual way to say "ended by signal number n". */
export const exitCodeOfSignal = (signalNumber: number) => 128 + signalNumber;
