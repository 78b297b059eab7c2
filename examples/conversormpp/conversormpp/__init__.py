"""conversormpp: a small web service that converts Microsoft Project files; the example that comporta deploys."""
