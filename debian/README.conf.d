Files of this directory whose names end in .conf are read after ftpalg.conf, in the order of their names: ftpalg.conf(5).
Worked examples are in /usr/share/doc/ftpalg/rules.
