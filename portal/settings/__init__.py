"""Settings by place of use: embedded (default), production, test; all start from base."""
