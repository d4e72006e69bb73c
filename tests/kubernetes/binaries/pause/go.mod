module quorate.io/tests/pause

go 1.24
