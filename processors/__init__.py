"""Where meaning is made: adapters and the fold are pure, the worker and the sink carry them between topics."""
