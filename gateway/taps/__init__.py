"""What watches a call and never decides: journal, recording, transcripts, metrics."""
