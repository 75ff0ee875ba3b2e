"""Whether what runs does what the policy says: each part of the stack is asked, and held against what is built."""
