"""What is put into the app's own interpreter, by PYTHONPATH; nothing here is imported by the harness."""
