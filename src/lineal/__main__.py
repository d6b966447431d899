"""`python -m lineal` is the command `lineal`."""

from lineal.cli import main

if __name__ == "__main__":
    main()
