"""`make demo`: a realistic, correctly signed stream of callbacks for mailings, documents and texts."""
