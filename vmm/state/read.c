/* The stream of states: reading. Recursion here is as deep as groups nest: STATE_DEPTH. */
