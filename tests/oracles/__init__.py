"""Independent formulations of what chainrule computes, for the tests to compare with."""
