// What the end of a drain has time for, said once for all who wait for each other. Pure.

/** Chats that outlast their drain time are cut; so long a worker has to answer them, and the router to bring the answers to their clients. */
export const CUT_ANSWERS_MS = 500;
