"""The third shell: the replica, machine and stores of production in virtual time, on one thread, everything from one seed."""
