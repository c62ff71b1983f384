"""Each reader is given what would be endless without its bound; counted are the bytes and steps that it takes."""
