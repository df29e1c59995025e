"""What commands print: progress, summaries, tables, reports; and questions on a terminal."""
