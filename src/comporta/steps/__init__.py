"""One reversible step a file. A step is data plus three verbs, and touches the world only through the ports."""
